"""``TSC_VERIFY=1``: after every pass the function runs again, and must give what it gave before."""
