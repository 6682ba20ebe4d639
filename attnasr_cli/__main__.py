from attnasr_cli.app import run

run()
