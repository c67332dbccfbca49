"""What is to be done, as a value: steps, what each needs before it may start, and why.

All differences between a first deploy, an upgrade, a resume and a rollback are settled here. Reads no network, clock or
environment: a `State`, read by a target, is an argument.
"""
