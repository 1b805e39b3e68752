"""`kameng chaos`: orders, faults of every kind and kill -9, and then both books side by side."""
