"""The command lines: argument parsing, progress, the closing report. Nothing else of the package prints."""
