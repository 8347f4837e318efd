#include "qcow/verify/ordered_reader.h"

namespace qchain {

OrderedReader::OrderedReader(const View& view, unsigned threads, std::size_t depth) : view_(view), depth_(depth) {
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
}

OrderedReader::~OrderedReader() {
  for (auto& thread : threads_) {
    thread.request_stop();
  }
  changed_.notify_all();
}

void OrderedReader::ask(Range range) {
  std::unique_ptr<Job> job;
  if (spare_.empty()) {
    job = std::make_unique<Job>();
  } else {
    job = std::move(spare_.back());
    spare_.pop_back();
  }
  job->range = range;
  job->bytes.resize(range.length);
  job->done = false;
  pending_.push_back(std::move(job));
  {
    const std::scoped_lock lock(mutex_);
    queue_.push_back(pending_.back().get());
  }
  changed_.notify_all();
}

Result<OrderedReader::Taken> OrderedReader::take() {
  Job& job = *pending_.front();
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return job.done; });
  }
  spare_.push_back(std::move(pending_.front()));
  pending_.pop_front();
  if (!job.outcome) {
    return std::unexpected(std::move(job.outcome).error());
  }
  return Taken{job.range, job.bytes};
}

void OrderedReader::work(const std::stop_token& stop) {
  while (true) {
    Job* job = nullptr;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [&] { return !queue_.empty(); })) {
        return;
      }
      job = queue_.front();
      queue_.pop_front();
    }
    Result<void> outcome = view_.read(job->range.start, job->bytes);
    {
      const std::scoped_lock lock(mutex_);
      job->outcome = std::move(outcome);
      job->done = true;
    }
    changed_.notify_all();
  }
}

}  // namespace qchain
