"""Data of your own: files, folders and callables of any content, checked, numbered and split."""
