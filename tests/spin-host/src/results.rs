//! Query results on their way to the guest: columns at once, rows as they come,
//! and the verdict in a future of its own. Spin answers in the same order, so a
//! failing statement looks like success until the guest asks for the verdict.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::{mpsc, oneshot};
use wasmtime::{
    StoreContextMut,
    component::{
        Access, Destination, FutureReader, HasData, Lift, Lower, StreamProducer, StreamReader,
        StreamResult,
    },
};

/// How many rows wait for a guest that reads slowly; as in Spin.
const ROWS_AHEAD: usize = 4;

/// The host's end, for the task that runs the statement.
pub(crate) struct Sender<C, R, E> {
    pub(crate) columns: oneshot::Sender<C>,
    pub(crate) rows: mpsc::Sender<R>,
    pub(crate) verdict: oneshot::Sender<Result<(), E>>,
}

/// What the guest gets to read: the rows, and the verdict on them.
pub(crate) type Readers<R, E> = (StreamReader<R>, FutureReader<Result<(), E>>);

/// The guest's end.
pub(crate) struct Receiver<C, R, E> {
    pub(crate) columns: oneshot::Receiver<C>,
    rows: mpsc::Receiver<R>,
    verdict: oneshot::Receiver<Result<(), E>>,
}

pub(crate) fn channel<C, R, E>() -> (Sender<C, R, E>, Receiver<C, R, E>) {
    let (columns_sender, columns) = oneshot::channel();
    let (rows_sender, rows) = mpsc::channel(ROWS_AHEAD);
    let (verdict_sender, verdict) = oneshot::channel();
    let sender = Sender {
        columns: columns_sender,
        rows: rows_sender,
        verdict: verdict_sender,
    };
    let receiver = Receiver {
        columns,
        rows,
        verdict,
    };
    (sender, receiver)
}

impl<C, R, E> Receiver<C, R, E>
where
    R: Lower + Lift + Send + Sync + Unpin + 'static,
    E: Lower + Lift + Send + Sync + 'static,
{
    /// The stream and the future that the guest gets.
    pub(crate) fn into_readers<T, D: HasData + ?Sized>(
        self,
        mut access: Access<'_, T, D>,
    ) -> wasmtime::Result<Readers<R, E>> {
        let rows = StreamReader::new(&mut access, Rows(self.rows))?;
        let verdict = FutureReader::new(&mut access, self.verdict)?;
        Ok((rows, verdict))
    }
}

/// Rows of a channel as a component-model stream.
pub(crate) struct Rows<R>(pub(crate) mpsc::Receiver<R>);

impl<D, R: Send + Sync + Unpin + 'static> StreamProducer<D> for Rows<R> {
    type Item = R;
    type Buffer = Option<R>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, R, Option<R>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        match self.0.poll_recv(context) {
            Poll::Ready(Some(row)) => {
                destination.set_buffer(Some(row));
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(None) => Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
        }
    }
}
