# Only other names for the two commands.
.PHONY: run demo test
run:
	@./run
demo:
	@./run --demo
test:
	@./test
