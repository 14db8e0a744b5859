"""What decides whether a training is stable: curvature, step, and gradients through time.

The error of a training can rise for two reasons. Three measures tell which one it is.

    sharpness   the largest eigenvalue s of the Hessian of the training error over all weights.
                Along its eigenvector, each step of gradient descent multiplies the distance to the
                minimum by 1 - lr s. The error grows if s is above the limit 2 / lr. Adam has the
                limit 38 / lr, on the sharpness in the coordinates in which its steps are plain.
    lyapunov    the largest Lyapunov exponent of the recurrence along the speech: the mean log
                growth per step of a vector carried back through the Jacobians dh_t / dh_{t-1}, in
                nats per step. Above 0, gradients explode through time.
    by lag      the norm of d(error at t) / dh_{t - lag}: how far back a gradient reaches.

All are computed in float64, on stretches from the middle of the utterances (`cut_stretches`), and
without noise and dropout. Gradients go through a whole stretch, whatever the recipe's
back-propagation. With P weights and T samples, a gradient costs O(T P). A sharpness takes about 5
to 20 gradients; an exponent and the gradients by lag cost less than one each.

References: Pearlmutter, Neural Computation 6 (1994), on Hessian-vector products; Golub & Van Loan,
Matrix Computations, ch. 10, on Lanczos; Cohen et al., ICLR 2021 (arXiv:2103.00065), on sharpness
against 2 / lr and 2 (1 + momentum) / lr; Cohen et al., 2022 (arXiv:2207.14484), on that of adam;
Engelken, Wolf & Abbott, Physical Review Research 5 (2023), on the exponents of recurrent networks;
Pascanu, Mikolov & Bengio, ICML 2013, on gradients through time.
"""
