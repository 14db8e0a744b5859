"""The report: one page that says how well each setting did, shows it, plays it and explains it.

The same tables go out as Markdown and LaTeX for a paper, and as plain text for a terminal.
"""
