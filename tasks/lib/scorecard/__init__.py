"""The scorecard: the runbook's figures and DORA's four keys, from the evidence alone."""
