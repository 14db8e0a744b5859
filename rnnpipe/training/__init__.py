"""Training one network: recipes, the loop, and what a training leaves behind."""
