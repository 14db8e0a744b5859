"""The report: one page with the results, figures, sounds and explanation of every setting.

The same tables are also written as Markdown and LaTeX for papers, and as plain text for terminals.
"""
