# the module
