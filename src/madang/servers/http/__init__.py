"""The one HTTP port: live media from memory, operations, static files, and Django behind them."""
