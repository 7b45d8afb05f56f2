"""Jenkins as an engine: a Jenkinsfile template and values in, a pipeline job and one build of it out."""
