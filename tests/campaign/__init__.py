"""The kill campaign: real applies, random kills, and a checker that believes nobody. `make test-campaign` runs it."""
