"""Data of one's own: files, folders and callables of any content, checked, numbered and split."""
