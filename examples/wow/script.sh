#!/bin/sh
echo "WOW ca marche"
