"""Reading and writing ``.pt`` archives. An archive is data: its pickles are filtered, its code is parsed,
nothing is executed.
"""
