"""docker/: how clawsite is built, shipped, watched and switched to."""
