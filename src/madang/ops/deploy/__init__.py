"""`madang deploy`: servers as station.toml describes them.

Pure, without I/O: `texts`, `diff`, `operations`, `job` and, but for two readers, `model`. `setup`
reads files of the operator's machine. `release`, `secrets_file`, `security` and `runner` do I/O.
`engine` is a process of its own that drives pyinfra, started by `runner`. `remote` has the programs
that run on the servers.
"""
