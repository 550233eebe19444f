"""/code: the model at work on projects."""
