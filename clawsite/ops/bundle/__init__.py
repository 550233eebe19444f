"""The support bundle: what somebody who helps needs to know of an installation, and no secret and no conversation.

Invariant: everything that goes into the file passes `cleaning.Cleaner`, which takes out every secret this installation
has, in whatever spelling, beside all that looks like one.
"""

from clawsite.ops.bundle.writing import default_name, write_bundle

__all__ = ["default_name", "write_bundle"]
