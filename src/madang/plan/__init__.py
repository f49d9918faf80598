"""What a server holds, what it costs and what breaks first: pure functions of catalogue, demand
and abilities. No file, clock or network; the words of its answers are in Korean and English."""
