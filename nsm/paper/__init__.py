"""The experiments of Detorakis et al. (NeurIPS 2019), from one table, beside the paper's numbers.

`python -m nsm.paper` runs the table, resumes a killed run, and writes RESULTS.md with its figures.
"""
