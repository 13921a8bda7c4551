//! Writes the seeds of every target into the folder that is named.

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).unwrap_or_default();
    doorward_fuzz::seeds::write(std::path::Path::new(&folder))
}
