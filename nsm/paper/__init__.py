"""The experiments of Detorakis et al. (NeurIPS 2019), from one table: run, resumed, and reported beside the paper's."""
