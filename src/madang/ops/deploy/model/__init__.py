"""Values of a deployment: description, layout, facts and resources.

Pure, but for `station_file.load_station` and the digest of a local file in `resources`.
"""
