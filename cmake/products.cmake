# What is shipped: libleat (shared and static), the leat binary, header and pkg-config file.
