"""Capacity, cost and first limit of a fleet: pure functions of catalogue, demand and benchmarks.
Texts of answers are in Korean and English."""
