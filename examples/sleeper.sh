#!/bin/sh
# The job of the examples: say something, take three seconds, say goodbye.
echo "Good morning. The number is $1."
sleep 3
echo "$2 good night."
