"""The jobs of a sweep on processes and clusters: data and networks travel once to each worker."""
