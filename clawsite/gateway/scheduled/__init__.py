"""Messages that a schedule says: the kinds of job `cron.agentTurn` and `cron.systemEvent`.

They are here and not a layer below because all they are made of is the gateway's: whose session is whose, what a token
may do now, and what becomes of a run.
"""
