"""The report: one page that says how well each setting did, shows it, plays it and explains it.

The same tables go out as Markdown and LaTeX for a paper, and as plain text for a terminal.
"""

from rnnpipe.report.export import write_exports
from rnnpipe.report.page import Made, write_report

__all__ = ["Made", "write_exports", "write_report"]
