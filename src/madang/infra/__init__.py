"""Infrastructure without domain knowledge: database threads, sockets, tasks, subprocesses."""
