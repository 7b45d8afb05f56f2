"""The runner: a `RunRequest` in, a `RunResult` out, in a process that outlives the task that asked."""
