"""Carries out `Release` objects of a cluster: each is brought to its spec by the engine, as `deploy` would.

`run.py` joins the parts: who leads (`leadership.py`), which release is due (`queue.py`), what is to be done about it
(`decisions.py`), the doing of it (`runner.py`), and what the object then says (`status.py`). Knows no terminal.
"""
