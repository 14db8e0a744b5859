"""Training one network: recipes, the training loop, and the results of a training."""
