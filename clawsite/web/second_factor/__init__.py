"""The second factor of the admin pages: a code of an app after the password, or a code on paper.

An account is logged in only once both were right (`entering`), so whatever asks who a session belongs to, the socket of
the chat included, need not know of second factors. Setting one up or taking one away ends all other sessions of the
account; CLAW_ADMIN_OTP makes one necessary and ends the sessions that began without.
"""
