"""What the stability of a training hangs on: the curvature, the step, and gradients through time.

Three measures tell two explanations of a rising error apart.

    sharpness   the largest eigenvalue of the Hessian of the training error over all weights.
                Gradient descent along its eigenvector multiplies what it is off by 1 - lr s each
                step, so that the error grows where s is above the limit 2 / lr.
    lyapunov    the largest Lyapunov exponent of the recurrence along the speech: the mean log
                growth a step of a vector carried back through the Jacobians dh_t / dh_{t-1}, in
                nats a step. Above 0, gradients explode through time.
    by lag      the norm of d(error at t) / dh_{t - lag}: how far back a gradient reaches.

All is computed in float64, on stretches from the middle of the utterances (`cut_stretches`), with
the gradient through the whole of each whatever the recipe's back-propagation, and without noise
and dropout. With P weights and T samples, a gradient costs O(T P); a sharpness takes about 5 to 20
of them, an exponent and the gradients by lag less than one each.

References: Pearlmutter, Neural Computation 6 (1994), on Hessian-vector products; Golub & Van Loan,
Matrix Computations, ch. 10, on Lanczos; Cohen et al., ICLR 2021 (arXiv:2103.00065), on sharpness
against 2 / lr and 2 (1 + momentum) / lr; Engelken, Wolf & Abbott, Physical Review Research 5
(2023), on the exponents of recurrent networks; Pascanu, Mikolov & Bengio, ICML 2013, on gradients
through time.
"""
