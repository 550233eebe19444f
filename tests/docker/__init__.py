"""The examples of how to run and watch clawsite, held to the product."""
