// Sends one known trace by the OpenTelemetry SDK for Go.
//
// All that it knows of the stack is in the variables that `telemetry env` prints. Its argument is
// the name of the service. It prints the trace's id, and fails if anything could not be exported.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func main() {
	id, err := send(context.Background(), os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(id)
}

func send(ctx context.Context, service string) (trace.TraceID, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return trace.TraceID{}, err
	}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(exporter),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", service),
			attribute.String("service.version", "1.2.3"),
			attribute.String("project.name", "shop"),
			attribute.String("deployment.environment.name", "staging"),
		)),
	)
	id := record(ctx, provider.Tracer("shop.tracer", trace.WithInstrumentationVersion("1.0.0")))
	// An export's failure is the flush's.
	if err := provider.ForceFlush(ctx); err != nil {
		return id, err
	}
	return id, provider.Shutdown(ctx)
}

func record(ctx context.Context, tracer trace.Tracer) trace.TraceID {
	start := time.Now().Add(-2 * time.Second)
	after := func(elapsed time.Duration) trace.SpanEventOption {
		return trace.WithTimestamp(start.Add(elapsed))
	}
	begin := func(ctx context.Context, name string, kind trace.SpanKind, more ...trace.SpanStartOption) (context.Context, trace.Span) {
		options := append(more, trace.WithSpanKind(kind), trace.WithTimestamp(start))
		return tracer.Start(ctx, name, options...)
	}

	within, root := begin(ctx, "POST /checkout", trace.SpanKindServer, trace.WithAttributes(
		attribute.String("http.request.method", "POST"),
		attribute.Int("http.response.status_code", 502),
		attribute.StringSlice("cart.items", []string{"tea", "milk"}),
		attribute.Float64("cart.total", 12.5),
		attribute.Bool("customer.known", true),
	))

	_, charge := begin(within, "charge card", trace.SpanKindClient)
	charge.AddEvent("declined", trace.WithAttributes(attribute.String("reason", "funds")),
		after(2*time.Millisecond))
	charge.SetStatus(codes.Error, "card declined")
	charge.End(after(5 * time.Millisecond))

	_, produce := begin(within, "orders publish", trace.SpanKindProducer)
	produce.End(after(time.Millisecond))
	_, consume := begin(within, "orders process", trace.SpanKindConsumer, trace.WithLinks(trace.Link{
		SpanContext: produce.SpanContext(),
		Attributes:  []attribute.KeyValue{attribute.String("queue", "orders")},
	}))
	consume.End(after(7 * time.Millisecond))
	_, price := begin(within, "price cart", trace.SpanKindInternal)
	price.End(after(999_999 * time.Nanosecond))

	root.End(after(1500*time.Millisecond + 250*time.Microsecond))
	return root.SpanContext().TraceID()
}
