//! Every verb, on hosts made of files.

#[cfg(test)]
mod boot;
#[cfg(test)]
mod connection;
#[cfg(test)]
mod host;
#[cfg(test)]
mod panics;
#[cfg(test)]
mod staging;
