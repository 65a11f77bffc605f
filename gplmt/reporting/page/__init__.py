"""One page about a run, for a browser, in a file that needs nothing else: `report.html`."""

from gplmt.reporting.page.writing import render_report, write_report, write_whole

__all__ = ["render_report", "write_report", "write_whole"]
