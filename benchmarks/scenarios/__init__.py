"""One file for each scenario: ``async def run(adapters, options) -> Tables``."""
