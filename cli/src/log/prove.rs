//! `sluis log prove`: a bundle that shows, without any network, that an entry stands in the log.

use std::fs;
use std::io::Write;

use sluis_log::{
    EntryBundle, LeafHash, ProofBundle, TILE_WIDTH, TileId, TreeError, TreeFault, inclusion_proof,
    inclusion_tiles,
};

use super::failure::LogFailure;
use super::remote::RemoteLog;
use super::tree_source::TreeSource;
use super::trust::{self, Trusted};
use super::{ProveArguments, TreeFrom};

pub(crate) fn prove(arguments: &ProveArguments, out: &mut impl Write) -> Result<(), LogFailure> {
    let log = arguments.from.server()?;
    let source = arguments.from.source(log.as_ref())?;
    let keys = arguments.from.choice.keys(&arguments.keys)?;
    let origin = trust::origin_of(&keys, None)?;
    let quorum = arguments.witnesses.quorum()?;
    let trusted = trust::checkpoint(&source.checkpoint()?, &origin, &keys, &quorum)?;
    let (index, size) = (arguments.index, trusted.checkpoint.head().size);
    let (bundle, leaf) = bundle(&source, &trusted, index)?;
    // What a folder or a server gave is believed only now.
    bundle.verify(leaf, &origin, &keys, &quorum)?;
    let Some(path) = &arguments.out else {
        return write!(out, "{bundle}").map_err(LogFailure::Output);
    };
    let failed = |error| LogFailure::File {
        path: path.clone(),
        error,
    };
    let mut file = fs::File::create_new(path).map_err(failed)?;
    write!(file, "{bundle}").map_err(failed)?;
    file.sync_all().map_err(failed)?;
    writeln!(out, "{}: entry {index} of {size}", path.display()).map_err(LogFailure::Output)
}

/// The entry at that index and its proof, as they were read: nothing is verified.
pub(crate) fn bundle(
    source: &TreeSource<'_>,
    trusted: &Trusted,
    index: u64,
) -> Result<(ProofBundle, LeafHash), LogFailure> {
    let size = trusted.checkpoint.head().size;
    let wanted = inclusion_tiles(index, size).map_err(LogFailure::Proof)?;
    let tiles = source.tiles(&wanted, size)?;
    let proof = inclusion_proof(index, size, &|id| tiles.get(id)).map_err(LogFailure::Proof)?;
    let entry = entry(source, index, size)?;
    let leaf = LeafHash::of(&entry);
    let bundle = ProofBundle {
        extra: Some(entry),
        index,
        proof,
        checkpoint: trusted.checkpoint.note().clone(),
    };
    Ok((bundle, leaf))
}

fn entry(source: &TreeSource<'_>, index: u64, size: u64) -> Result<Vec<u8>, LogFailure> {
    let number = index / u64::from(TILE_WIDTH);
    let tile = TileId {
        level: 0,
        index: number,
    };
    let path = sluis_log::TilePath::of_entries(number, tile.width_in(size));
    let path = path.map_err(LogFailure::Path)?;
    let missing = TreeFault::Missing { index, path };
    let bytes = source.tile_or_full(&path)?.ok_or(missing)?;
    let bundle =
        EntryBundle::decode(&bytes).map_err(|error| TreeFault::Bundle { index, path, error })?;
    let place = usize::try_from(index % u64::from(TILE_WIDTH)).unwrap_or(usize::MAX);
    let entry = bundle.entries().get(place);
    let none = TreeError::NoLeaf { index, size };
    Ok(entry.ok_or(LogFailure::Proof(none))?.clone())
}

impl TreeFrom {
    /// The validator, if that is where the log is read from.
    pub(crate) fn server(&self) -> Result<Option<RemoteLog>, LogFailure> {
        let log = |url: &String| {
            let server = RemoteLog::new(url, &self.credential)?;
            self.choice.on(&server)
        };
        self.url.as_ref().map(log).transpose()
    }

    pub(crate) fn source<'a>(
        &self,
        server: Option<&'a RemoteLog>,
    ) -> Result<TreeSource<'a>, LogFailure> {
        match (&self.dir, server) {
            (Some(folder), _) => Ok(TreeSource::Folder(self.choice.within(folder)?)),
            (None, Some(log)) => Ok(TreeSource::Server(log)),
            // INVARIANT: clap asks for one of the two.
            (None, None) => Err(LogFailure::NoKey),
        }
    }
}
