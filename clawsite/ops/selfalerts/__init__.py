"""The system reports its own trouble: to the chats of its admins, and by mail, which works when the bots do not.

`checks` find what is wrong now, `rounds` turn that into rows that open and close without flapping, `chats` and `mail`
tell people. One process does this at a time, in the worker or, when there is none, in the web role.
"""
