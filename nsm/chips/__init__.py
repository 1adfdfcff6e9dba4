"""Chips: trained networks mapped to crossbars, their reads, and what they report."""
