# language: pt
Funcionalidade: Consulta de anomalias e métricas
  Como analista do turno da noite
  Quero perguntar pelo que foi anormal e por uma métrica pelo nome
  Para não pesquisar em logs

  Contexto:
    Dado que o Transaction Guardian é monitorado
    E que a métrica "Volume" também se chama "volume de transações"

  Esquema do Cenário: Anomalias de um período
    Dado que houve uma anomalia "drop" há 88 minutos que durou 12 minutos
    E que houve uma anomalia "spike" há 15 minutos que durou 5 minutos
    Quando Bob escreve "<palavras>"
    Então a resposta contém "Drop: Volume (Transaction Guardian)"
    E a resposta contém "Z-score: -2.8"
    E a resposta contém "12 min"
    E a resposta contém "Total: 2 anomalies"

    Exemplos:
      | palavras                     |
      | anomalias últimas 2 horas    |
      | anomalias últimas 24h        |

  Cenário: Na última hora houve só uma
    Dado que houve uma anomalia "drop" há 88 minutos que durou 12 minutos
    E que houve uma anomalia "spike" há 15 minutos que durou 5 minutos
    Quando Bob escreve "anomalias última hora"
    Então a resposta contém "Total: 1 anomaly"

  Cenário: Uma métrica em palavras simples, com o Prometheus fora do ar
    Quando Bob escreve "volume de transações"
    E o trabalho é feito
    Então chega uma mensagem com "cannot be reached"
    E a mensagem contém "Volume (Transaction Guardian)"

  Cenário: Um desconhecido não vê nada
    Quando Charlie escreve "anomalias última hora"
    Então a resposta não contém "Anomalies"
