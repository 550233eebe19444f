"""Tests of the emulators and services that other tests stand on."""
